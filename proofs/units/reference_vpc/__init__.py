"""Small tests of the reference's VPC layers, one file per source file."""
