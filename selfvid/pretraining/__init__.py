"""`selfvid pretrain`: train an encoder on videos without labels."""
