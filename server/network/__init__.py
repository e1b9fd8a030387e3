"""Networks, endpoints and published ports: the verbs that create, update and delete them."""
