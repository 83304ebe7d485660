"""What tests of several rooms share: namespaces, waiting, and the world a test run happens in."""
