"""The service beside the bucket: today a local stand-in for the CDN in front of a public folder."""
