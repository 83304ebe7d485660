"""What ``multinet doctor`` looks at: a module a subject, each a function that yields findings and changes nothing."""
