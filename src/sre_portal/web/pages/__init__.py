"""The pages for people, one file each: fetch from the ports, shape one frozen view, print it."""
