package PVE::HTTPServer;

# Stands in for pveproxy's way from a request whose caller is known to a method of the API, on this node or another one.

use strict;
use warnings;

use PVE::API2;
use PVE::INotify;
use PVE::RPCEnvironment;

sub rest_handler {
    my ($self, $client, $method, $uri, $auth, $params) = @_;

    my $environment = PVE::RPCEnvironment::get();
    my $answer = { status => 501, message => "Method '$method $uri' not implemented" };
    eval {
        my $found = {};
        my ($class, $info) = PVE::API2->find_handler($method, $uri, $found);
        return if !$info;
        for my $name (keys %$params) {
            PVE::Exception::raise_param_exc({ $name => "duplicate parameter" })
                if defined($found->{$name}) && $found->{$name} ne $params->{$name};
            $found->{$name} = $params->{$name};
        }
        my $node = $info->{proxyto_callback} ? $info->{proxyto_callback}->($environment, undef, $found) : 'localhost';
        if ($node ne 'localhost' && $node ne PVE::INotify::nodename()) {
            $answer = { status => 200, message => "passed on to $node" };
            return;
        }
        $environment->set_client_ip($client);
        $environment->set_credentials($auth) if $info->{expose_credentials} && $environment->can('set_credentials');
        $answer = { status => 200, data => $class->handle($info, $found), info => $info };
    };
    if (my $error = $@) {
        $answer =
            ref($error) eq 'PVE::Exception'
            ? { status => $error->{code} // 500, message => $error->{msg}, errors => $error->{errors} }
            : { status => 500, message => $error };
    }
    $environment->set_credentials(undef) if $environment->can('set_credentials');
    return $answer;
}

1;
