"""The frauds of the made-up world, one file each. Each has three levels, the third hard to see."""
