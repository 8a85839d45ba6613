"""Debian machines for the package tests: cached root file systems, package variants, and booted systems without a virtual machine."""
