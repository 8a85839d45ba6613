package PVE::RESTHandler;

# Stands in for Proxmox VE's tree of API methods, as far as the plugin uses it: one subclass for all of a path, one pattern in it,
# parameters held against their schema. Patterns end with $, as there.

use strict;
use warnings;

use PVE::Exception qw(raise_param_exc);

my %methods;    # class -> path -> method or SUBCLASS -> description

sub register_method {
    my ($class, $info) = @_;
    my $method = $info->{subclass} ? 'SUBCLASS' : $info->{method} // 'GET';
    for my $component (split(m!/+!, $info->{path})) {
        die "a path of several components\n" if $component ne $info->{path};
    }
    die "duplicate method definition\n" if $methods{$class}{ $info->{path} }{$method};
    $methods{$class}{ $info->{path} }{$method} = $info;
}

sub find_handler {
    my ($class, $method, $uri, $found) = @_;
    my ($first, @rest) = grep { length } split(m!/+!, $uri);
    my $branch = $methods{$class}{ $first // '' } // return;
    return ($class, $branch->{$method}) if !@rest && $branch->{$method};
    my $info = $branch->{SUBCLASS} // return;
    my $whole = defined($info->{fragmentDelimiter}) ? join('/', @rest) : @rest == 1 ? $rest[0] : return;
    for my $path (keys %{ $methods{ $info->{subclass} } }) {
        my ($name, $pattern) = $path =~ m/^\{([\w-]+):(.*)\}$/ or next;
        next if $whole !~ m/^($pattern)$/;
        $found->{$name} = $1;
        my $description = $methods{ $info->{subclass} }{$path}{$method};
        return $description ? ($info->{subclass}, $description) : ();
    }
    return;
}

sub handle {
    my ($class, $info, $param) = @_;
    my ($known, %wrong) = ($info->{parameters}{properties});
    for my $name (keys %$param) {
        my ($schema, $value) = ($known->{$name}, $param->{$name});
        if (!$schema) {
            $wrong{$name} = "property is not defined in schema and the schema does not allow additional properties";
        } elsif (ref($value)) {
            $wrong{$name} = "type check ('string') failed";
        } elsif (defined($schema->{maxLength}) && length($value) > $schema->{maxLength}) {
            $wrong{$name} = "value may only be $schema->{maxLength} characters long";
        } elsif (defined($schema->{pattern}) && $value !~ m/^$schema->{pattern}$/) {
            $wrong{$name} = "value does not match the regex pattern";
        }
    }
    for my $name (grep { !$known->{$_}{optional} } keys %$known) {
        $wrong{$name} //= "property is missing and it is not optional" if !defined($param->{$name});
    }
    raise_param_exc(\%wrong) if %wrong;
    return $info->{code}->($param);
}

1;
