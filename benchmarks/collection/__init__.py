"""Every model of the collection on one data set, at one equal budget."""
