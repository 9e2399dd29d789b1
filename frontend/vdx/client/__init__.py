"""The user's side: clients of the WebSocket and of rooms, and a model of the loudspeaker."""
