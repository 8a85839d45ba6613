package PVE::Storage::Custom::ProxmoxRebalancingService::Bridge;

# The path /prs of Proxmox VE's API: what is asked below it goes to the rebalancing service through a unix socket, and the socket
# is the answer, which pveproxy streams: it waits for nobody, and how long an answer takes is the service's business. Nothing is
# decided here; the service asks Proxmox VE itself whether ticket and CSRF token are good.

use strict;
use warnings;

use Encode qw(encode);
use Socket qw(PF_UNIX SOCK_STREAM SOCK_NONBLOCK pack_sockaddr_un);

use PVE::API2;
use PVE::Cluster;
use PVE::Exception qw(raise raise_param_exc);
use PVE::HTTPServer;
use PVE::INotify;
use PVE::RPCEnvironment;

use base qw(PVE::RESTHandler);

our $SOCKET = '/run/prs-bridge.sock';
our $caller;    # of the request that is being handled, where PVE itself does not tell

my $LARGEST = 64 * 1024;    # bytes of a body; with the head this fits into a socket's buffer, so that writing never waits

# A path below the service's /api/v1. A component begins with a letter or digit, so none is `..`; \x2f is the slash, which would
# end the pattern.
my $COMPONENT = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}';
my $PATH = "{rest:$COMPONENT(?:\\x2f$COMPONENT){0,4}}";

my $common = {
    rest => { type => 'string', description => "Path below the service's own API." },
    query => {
        type => 'string',
        description => "The service's own query, such as 'limit=20'.",
        pattern => '[A-Za-z0-9&=._-]{0,500}',
        optional => 1,
    },
    node => {
        type => 'string',
        description => "The node whose service is asked, the one that answers by default.",
        maxLength => 63,
        optional => 1,
    },
};

# Registers everything; the path itself last, so that half an installation is none.
sub install {
    my ($class) = @_;

    $class->add('read', 'GET', {
        etag => {
            type => 'string',
            description => "The answer's ETag that the caller has already.",
            maxLength => 100,
            optional => 1,
        },
    });
    my $body = {
        type => 'string',
        description => "The request's body, JSON.",
        maxLength => $LARGEST,
        optional => 1,
    };
    $class->add('change', 'POST', { body => $body });
    $class->add('replace', 'PUT', { body => $body });
    remember_the_caller() if !PVE::RPCEnvironment->can('get_credentials');
    PVE::API2->register_method({ subclass => $class, path => 'prs', fragmentDelimiter => '' });
}

sub add {
    my ($class, $name, $method, $more) = @_;

    $class->register_method({
        name => $name,
        path => $PATH,
        method => $method,
        description => "Proxmox Rebalancing Service; its answer is {data: {status, headers, answer}}.",
        permissions => { user => 'all', description => "The service checks the caller and asks Proxmox VE for the caller's rights." },
        proxyto_callback => \&node_of,
        expose_credentials => 1,
        download_allowed => 1,
        parameters => { additionalProperties => 0, properties => { %$common, %$more } },
        returns => { type => 'object' },
        code => sub {
            my ($param) = @_;
            return { download => { fh => send_request($method, $param), stream => 1, 'content-type' => 'application/json' } };
        },
    });
}

# Proxmox VE 8 does not tell a method with what its caller has logged in; pveproxy handles one request at a time.
sub remember_the_caller {
    my $handler = \&PVE::HTTPServer::rest_handler;
    no warnings 'redefine';
    *PVE::HTTPServer::rest_handler = sub { local $caller = $_[4]; return $handler->(@_); };
}

# The node that a request is for; called before the parameters are checked.
sub node_of {
    my (undef, undef, $param) = @_;

    my $node = $param->{node};
    return 'localhost' if !defined($node);
    return $node if !ref($node) && ($node eq PVE::INotify::nodename() || PVE::Cluster::check_node_exists($node, 1));
    raise_param_exc({ node => "there is no such node" });
}

# The socket, with the request written to it.
sub send_request {
    my ($method, $param) = @_;

    my $data = request($method, $param, PVE::RPCEnvironment::get());
    my $unreachable = sub {
        raise("the rebalancing service on this node does not answer: $_[0] (systemctl status pve-proxmox-rebalancing-service-ui)\n",
            code => 503);
    };
    socket(my $socket, PF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0) || $unreachable->($!);
    connect($socket, pack_sockaddr_un($SOCKET)) || $unreachable->($!);
    local $SIG{PIPE} = 'IGNORE';
    my $written = syswrite($socket, $data) // $unreachable->($!);
    $unreachable->("it takes no more") if $written != length($data);
    return $socket;
}

# The request as bytes. HTTP/1.0, so that it is one request and one answer.
sub request {
    my ($method, $param, $environment) = @_;

    my $query = length($param->{query} // '') ? "?$param->{query}" : '';
    my $auth = PVE::RPCEnvironment->can('get_credentials') ? $environment->get_credentials() : $caller;
    my ($scheme, $secret) = $auth->{api_token} ? ('PVEAPIToken', $auth->{api_token}) : ('PVEAuthCookie', $auth->{ticket});
    my $body = $method ne 'GET' ? encode('UTF-8', $param->{body} // '{}') : undef;
    raise("the body is larger than 64 KiB\n", code => 413) if defined($body) && length($body) > $LARGEST;
    my @lines = (
        "$method /api/v1/$param->{rest}$query HTTP/1.0",
        "Authorization: $scheme=" . escape($secret),
        "PRS-Client: " . ($environment->get_client_ip() // ''),
    );
    push @lines, "CSRFPreventionToken: $auth->{token}" if defined($auth->{token});
    push @lines, "If-None-Match: $param->{etag}" if defined($param->{etag});
    push @lines, "Content-Type: application/json", "Content-Length: " . length($body) if defined($body);
    # Some of this is a caller's own text: a line stays one line.
    for my $line (@lines) {
        raise("a character that cannot be sent\n", code => 400) if $line !~ m/\A[\x20-\x7e]+\z/;
    }
    return join("\r\n", @lines, '', $body // '');
}

sub escape {
    my ($text) = @_;
    return encode('UTF-8', $text // '') =~ s/([^A-Za-z0-9])/sprintf('%%%02X', ord($1))/ger;
}

1;
