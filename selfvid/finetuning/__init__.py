"""`selfvid finetune`: heads trained with labels, and tested on whole videos."""
