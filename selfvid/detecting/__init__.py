"""`selfvid detect`: when which activity goes on in untrimmed videos."""
