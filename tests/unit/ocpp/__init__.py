"""The wire: frames, payloads, call matching, the connection and its websocket."""
