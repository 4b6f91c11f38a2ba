"""`selfvid detect`: find activities in untrimmed videos."""
