/*
 * The panel without PVE's interface around it: loads the node's own ExtJS, asks for a login if the browser has no ticket of PVE
 * yet, and fills the window with the same panel. The ticket is PVE's usual cookie, so whoever is logged in there is logged in here.
 */
(function () {
    let cookie = 'PVEAuthCookie';
    let gettext = (text) => PRS.gettext(text);

    let fetchScript = (src) =>
        new Promise((resolve, reject) => {
            let tag = document.createElement('script');
            tag.src = src;
            tag.onload = resolve;
            tag.onerror = () => reject(new Error(src));
            document.head.appendChild(tag);
        });

    // Without any of its scripts there is no page, and a connection may break once: hence a second try.
    let load = (src) => fetchScript(src).catch(() => fetchScript(src));

    // Why a script did not come is not told by its tag: only where the service says so itself the file is not there.
    let absent = async function (src) {
        try {
            return (await fetch(src, { method: 'HEAD', cache: 'no-store' })).status === 404;
        } catch {
            return false;
        }
    };

    let lacking = async function ({ message: src }) {
        let text = document.createElement('p');
        text.className = 'prs-lacking';
        text.textContent = (await absent(src))
            ? `This page is built on the ExtJS library of a Proxmox VE node, and this machine does not offer it ` +
              `(${src}). The command line does the same: proxmox-rebalancing-service --help`
            : `A part of this page did not arrive (${src}). Please load it again.`;
        document.body.appendChild(text);
    };

    let request = async function (method, path, body) {
        let response = await fetch(`/api/v1${path}`, {
            method: method,
            headers: body ? { 'Content-Type': 'application/json' } : {},
            body: body && JSON.stringify(body),
            credentials: 'omit',
            cache: 'no-store',
        });
        let answer = await response.json();
        if (!response.ok) {
            throw new Error(answer.error.message);
        }
        return answer.data;
    };

    let remember = function (login) {
        Ext.util.Cookies.set(cookie, login.ticket, null, '/', null, true);
        PRS.session = { ticket: login.ticket, csrf: login.csrf };
        PRS.user = login.username;
    };

    // A ticket renews itself; it also is how a ticket of PVE's own login gets its CSRF token.
    let renew = async function () {
        let ticket = PRS.session ? PRS.session.ticket : Ext.util.Cookies.get(cookie);
        let username = ticket && (/^PVE:([^:]+@[^:]+):/.exec(ticket) || [])[1];
        if (!username) {
            return false;
        }
        try {
            remember(await request('POST', '/login', { username: username, password: ticket }));
            return true;
        } catch {
            return false;
        }
    };

    let logout = function () {
        Ext.util.Cookies.clear(cookie);
        window.location.reload();
    };

    let show = async function () {
        try {
            await PRS.need();
        } catch (err) {
            Ext.Msg.alert(gettext('Error'), Ext.htmlEncode(String(err)));
            return;
        }
        Ext.create('Ext.container.Viewport', {
            layout: 'border',
            items: [
                {
                    region: 'north',
                    xtype: 'toolbar',
                    items: [
                        {
                            xtype: 'tbtext',
                            cls: 'prs-title',
                            html: gettext('Proxmox Rebalancing Service'),
                        },
                        '->',
                        { xtype: 'tbtext', itemId: 'user', html: Ext.htmlEncode(PRS.user) },
                        {
                            text: gettext('Logout'),
                            itemId: 'logout',
                            iconCls: 'fa fa-fw fa-sign-out',
                            handler: logout,
                        },
                    ],
                },
                { region: 'center', xtype: 'panel', layout: 'fit', items: [{ xtype: 'prsPanel' }] },
            ],
        });
        setInterval(renew, 15 * 60 * 1000);
    };

    let login = async function () {
        let realms = await request('GET', '/realms').catch(() => [
            { realm: 'pam', comment: 'Linux PAM', default: true },
        ]);
        let chosen = realms.find((realm) => realm.default) || realms[0];
        let challenge;
        let field = (name, label, more) =>
            Ext.apply(
                { xtype: 'textfield', itemId: name, fieldLabel: label, allowBlank: false },
                more,
            );
        let window_ = Ext.create('Ext.window.Window', {
            title: gettext('Login'),
            iconCls: 'fa fa-user',
            closable: false,
            resizable: false,
            width: Math.min(400, document.documentElement.clientWidth - 20),
            layout: 'fit',
            defaultFocus: '#username',
            items: {
                xtype: 'form',
                bodyPadding: 10,
                border: false,
                defaults: { anchor: '100%', labelWidth: 120 },
                items: [
                    field('username', gettext('User name')),
                    field('password', gettext('Password'), { inputType: 'password' }),
                    {
                        xtype: 'combobox',
                        itemId: 'realm',
                        fieldLabel: gettext('Realm'),
                        editable: false,
                        queryMode: 'local',
                        valueField: 'value',
                        displayField: 'text',
                        value: chosen && chosen.realm,
                        store: realms.map((realm) => [
                            realm.realm,
                            Ext.htmlEncode(realm.comment || realm.realm),
                        ]),
                    },
                    field('otp', gettext('Second factor'), {
                        hidden: true,
                        allowBlank: true,
                        emptyText: gettext('Code of the app, or a recovery key'),
                    }),
                    {
                        xtype: 'component',
                        itemId: 'trouble',
                        autoEl: { tag: 'div', role: 'alert' },
                    },
                ],
                buttons: [
                    {
                        text: gettext('Login'),
                        itemId: 'login',
                        formBind: true,
                        handler: () => send(),
                    },
                ],
            },
        });
        let get = (name) => window_.down(`#${name}`);
        // PVE writes a user as name@realm, so whoever types that means it, whichever realm is chosen below.
        let account = function () {
            let typed = get('username').getValue().trim();
            let named = realms.find(({ realm }) => typed.endsWith(`@${realm}`));
            return named
                ? { username: typed.slice(0, -named.realm.length - 1), realm: named.realm }
                : { username: typed, realm: get('realm').getValue() };
        };
        let send = async function () {
            if (!get('password').isValid() || !get('username').isValid()) {
                return;
            }
            let code = get('otp').getValue().trim();
            let body = { ...account(), password: get('password').getValue() };
            if (challenge) {
                let kind = /^\d{6,8}$/.test(code) ? 'totp' : 'recovery';
                Ext.apply(body, { password: `${kind}:${code}`, challenge: challenge });
            }
            window_.setLoading(true);
            try {
                let answer = await request('POST', '/login', body);
                if (answer.needs_tfa) {
                    challenge = answer.challenge;
                    get('otp').show();
                    get('otp').focus();
                    get('trouble').setHtml('');
                } else {
                    remember(answer);
                    window_.close();
                    show();
                }
            } catch (err) {
                challenge = undefined;
                get('otp').hide();
                get('otp').setValue('');
                get('trouble').setHtml(Ext.htmlEncode(err.message));
            }
            if (!window_.destroyed) {
                window_.setLoading(false);
            }
        };
        window_.show();
        for (let name of ['username', 'password', 'otp']) {
            get(name).on('specialkey', (own, event) => event.getKey() === event.ENTER && send());
        }
    };

    let begin = async function () {
        try {
            await load('/pve2/ext6/ext-all.js');
            await load('/ui/prs-rebalancing.js');
            await PRS.speak();
        } catch (err) {
            await lacking(err);
            return;
        }
        PRS.standalone = true;
        Ext.onReady(async () => {
            Ext.tip.QuickTipManager.init();
            if (await renew()) {
                await show();
            } else {
                await login();
            }
        });
    };

    window.addEventListener('DOMContentLoaded', begin);
})();
