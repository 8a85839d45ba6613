// What to do when the browser cannot reach the service: it cannot tell why, so each likely cause gets its remedy.
Ext.define('PRS.Unreachable', {
    extend: 'Ext.panel.Panel',
    xtype: 'prsUnreachable',

    border: false,
    bodyPadding: 20,
    scrollable: 'y',
    layout: { type: 'vbox', align: 'stretch' },

    initComponent: function () {
        let me = this;
        let origin = PRS.Api.origin();
        let closed = PRS.Api.closed();
        me.items = [
            {
                xtype: 'component',
                margin: '0 0 15 0',
                autoEl: { tag: 'div', role: 'alert' },
                html: PRS.Format.warning(
                    Ext.String.format(
                        gettext(
                            'The rebalancing service at {0} cannot be reached from this browser.',
                        ),
                        origin,
                    ),
                ),
            },
            ...(closed ? [] : me.untrusted(origin)),
            me.cause(
                'cogs',
                gettext('The service is not running'),
                me.format(
                    gettext('Look on the node with: {0}'),
                    'systemctl status pve-proxmox-rebalancing-service-ui',
                ),
            ),
            ...(closed ? [] : me.between(origin)),
            me.cause(
                'plug',
                gettext('There is a way without another port'),
                me.format(
                    gettext(
                        'Install the package {0} on the nodes: then everything goes through the port of this page.',
                    ),
                    'pve-proxmox-rebalancing-service-bridge',
                ),
            ),
            {
                xtype: 'container',
                items: [
                    {
                        xtype: 'button',
                        itemId: 'retry',
                        text: gettext('Retry now'),
                        iconCls: 'fa fa-fw fa-refresh',
                        handler: () => me.fireEvent('retry', me),
                    },
                ],
            },
        ];
        // Whoever accepted the certificate in another tab comes back to a panel that works.
        let back = () => {
            if (me.isVisible(true)) {
                me.fireEvent('retry', me);
            }
        };
        window.addEventListener('focus', back);
        me.callParent();
        me.on('destroy', () => window.removeEventListener('focus', back));
    },

    cause: function (icon, title, words, buttons) {
        return {
            xtype: 'container',
            margin: '0 0 15 0',
            items: [
                {
                    xtype: 'component',
                    html: `<b>${PRS.Format.icon(icon)} ${title}</b><br>${words}`,
                    margin: '0 0 5 0',
                },
                ...(buttons || []).map((button) => Ext.apply({ margin: '0 10 0 0' }, button)),
            ],
        };
    },

    format: function (text, ...values) {
        return Ext.String.format(text, ...values.map(PRS.Format.esc));
    },

    // What may be wrong with a port of the service's own.
    untrusted: function (origin) {
        let me = this;
        return [
            me.cause(
                'lock',
                gettext('The browser does not trust the certificate on this port'),
                gettext(
                    'Some browsers ask once per port. Open the page, accept the certificate and come back. Or import the CA certificate of this cluster into the browser: it covers every node and port.',
                ),
                [
                    {
                        xtype: 'button',
                        itemId: 'openPage',
                        text: me.format(gettext('Open {0}'), origin),
                        iconCls: 'fa fa-fw fa-external-link',
                        handler: () => window.open(`${origin}/`, '_blank', 'noopener'),
                    },
                    {
                        xtype: 'button',
                        itemId: 'ca',
                        text: gettext('Download CA certificate'),
                        iconCls: 'fa fa-fw fa-download',
                        handler: () => me.downloadCa(),
                    },
                ],
            ),
        ];
    },

    between: function (origin) {
        let me = this;
        let port = new URL(origin).port || '443';
        return [
            me.cause(
                'shield',
                gettext('A firewall is in between'),
                me.format(
                    gettext('It has to let this browser reach TCP port {0} of the node.'),
                    port,
                ),
            ),
            me.cause(
                'random',
                gettext('This page comes through a reverse proxy'),
                me.format(
                    gettext(
                        'Let it pass port {0} as well, or name the address from outside in prs.conf ([web] url) and run {1}.',
                    ),
                    port,
                    'page-hook apply',
                ),
            ),
        ];
    },

    // PVE hands out its certificates; the private part of the CA is not among them.
    downloadCa: async function () {
        try {
            let pem;
            if (PRS.standalone) {
                let answer = await fetch('/api/v1/ca', { credentials: 'omit' });
                pem = answer.ok ? await answer.text() : undefined;
            } else {
                let path = '/api2/json/nodes/localhost/certificates/info';
                let answer = await fetch(path, { credentials: 'same-origin' });
                let files = answer.ok ? (await answer.json()).data : [];
                pem = (files.find((file) => file.filename === 'pve-root-ca.pem') || {}).pem;
            }
            if (!pem) {
                throw new Error(gettext('This node has no CA certificate to offer.'));
            }
            let link = document.createElement('a');
            link.href = URL.createObjectURL(
                new Blob([pem], { type: 'application/x-x509-ca-cert' }),
            );
            link.download = 'pve-root-ca.crt';
            link.click();
            URL.revokeObjectURL(link.href);
        } catch (err) {
            Ext.Msg.alert(gettext('Error'), PRS.Format.esc(err.message));
        }
    },
});
