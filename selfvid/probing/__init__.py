"""Did pretraining help? Numbers with their floors beside them."""
