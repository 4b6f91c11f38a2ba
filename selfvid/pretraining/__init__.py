"""`selfvid pretrain`: learn an encoder from videos without labels."""
