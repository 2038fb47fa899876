"""What is seen: handlers of the one telemetry call."""
