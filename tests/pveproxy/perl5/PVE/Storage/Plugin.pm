package PVE::Storage::Plugin;

# Stands in for the base of all storage plugins: it remembers who has registered a type of storage.

use strict;
use warnings;

our @registered;

sub register { push @registered, $_[0]; }

1;
