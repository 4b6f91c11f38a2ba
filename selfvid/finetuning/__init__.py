"""`selfvid finetune`: train heads with labels, and test them on whole videos."""
