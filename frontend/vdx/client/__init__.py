"""The person's side: a client of the Realtime protocol and a model of who listens to it."""
