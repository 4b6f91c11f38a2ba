"""The command `selfvid finetune`: train a head with labels and test it on whole videos."""
