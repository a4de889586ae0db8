"""What pages of this machine share: their server, MediaPipe's JavaScript, how they draw."""
