"""`vdx bench failover`: what people notice of servers, a Redis and a frontend that end."""
