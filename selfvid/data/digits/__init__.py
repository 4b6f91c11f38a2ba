"""Moving handwritten digits, drawn by the program, so that their motion and labels are known."""
