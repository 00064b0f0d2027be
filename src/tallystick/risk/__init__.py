"""The risk figures that strategy and portfolio share: exposure at default, expected loss, capital, limit response."""
