"""What is measured: the product, its peers and the limit, behind one interface."""
