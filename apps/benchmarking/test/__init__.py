"""Tests without a component: `python3 -m unittest discover -s test -t .`"""
