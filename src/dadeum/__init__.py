"""dadeum (다듬): raw rows in, a dataset in which every row is accounted for, a tuned model, and a proof whether it got better."""

__version__ = "0.1.0"
