/*
 * The only part that runs when PVE's page loads: it looks whether everything it builds on is there, hangs the panel into PVE's
 * menus by wrapping three methods, and fetches the panel itself when somebody opens it. On any doubt it adds nothing.
 */
(function () {
    try {
        if (typeof Ext === 'undefined' || !Ext.ClassManager || window.PRS) {
            return;
        }
        if (/[?&]prs=off(&|$)/.test(window.location.search)) {
            console.info('prs: switched off by the address');
            return;
        }
        let builtOn = [
            'Ext.panel.Panel',
            'Ext.grid.Panel',
            'Ext.grid.column.Check',
            'Ext.grid.feature.Grouping',
            'Ext.window.Window',
            'Ext.form.field.ComboBox',
            'Ext.app.ViewController',
            'Ext.util.Cookies',
        ];
        let missing = builtOn.filter((name) => !Ext.ClassManager.get(name));
        if (missing.length || typeof window.fetch !== 'function') {
            console.warn('prs: not loaded, this page lacks', missing.join(', ') || 'fetch');
            return;
        }

        let tag = document.currentScript;
        let PRS = {
            version: '@VERSION@',
            backend: (tag && tag.getAttribute('data-prs-backend')) || ':8017',
            standalone: false,
            hooks: {},
            complain: (where, err) => console.warn(`prs: ${where}:`, err),
        };
        window.PRS = PRS;

        // The language of PVE's page: its own sentences and ours must not mix.
        let languages = /* @LANGUAGES@ */ {};
        let cookie = /(?:^|; )PVELangCookie=(\w+)/.exec(document.cookie) || [];
        let language = (window.Proxmox && Proxmox.defaultLang) || cookie[1];
        let early = /* @WORDS@ */ {};
        let words = early[language] || {};
        let gettext = (text) => words[text] || text;
        PRS.gettext = gettext;

        // From the folder that this script came from; what is behind the question mark changes with the file's content.
        let near = (name) => new URL(name, (tag && tag.src) || window.location.href);
        let source = near('prs-panel.js?ver=@PANEL@');

        // Without its language the panel is in English.
        PRS.speak = async function () {
            let version = languages[language];
            if (version && !PRS.spoken) {
                try {
                    let answer = await fetch(near(`prs-lang-${language}.json?ver=${version}`));
                    words = await answer.json();
                    PRS.spoken = true;
                } catch (err) {
                    PRS.complain('language', err);
                }
            }
        };

        let load = () =>
            new Promise((resolve, reject) => {
                let script = document.createElement('script');
                let failed = () =>
                    reject(PRS.failed || new Error(`${source.pathname} cannot be loaded`));
                PRS.failed = undefined;
                script.src = source.href;
                script.onload = () => (PRS.loaded ? resolve() : failed());
                script.onerror = failed;
                document.head.appendChild(script);
            });

        // Gives a promise of the panel's classes; after a failure the next call tries again.
        let loading;
        PRS.need = function () {
            if (!loading) {
                loading = PRS.speak()
                    .then(load)
                    .catch((err) => {
                        loading = undefined;
                        throw err;
                    });
            }
            return loading;
        };

        // An exception within ExtJS leaves all layouts of the page suspended, so their count is put back as well.
        let attempt = function (where, action, failed) {
            let depth = Ext.Component.layoutSuspendCount;
            try {
                action();
            } catch (err) {
                PRS.complain(where, err);
                while (Ext.Component.layoutSuspendCount > depth) {
                    Ext.resumeLayouts(true);
                }
                if (failed) {
                    failed(err);
                }
            }
        };

        // Runs `action` once the panel is here; whatever goes wrong before or in it ends in `failed`.
        let afterwards = function (where, action, failed) {
            PRS.need().then(
                () => attempt(where, action, failed),
                (err) => attempt(where, () => failed(err)),
            );
        };

        PRS.openDrain = function (nodename) {
            let open = () => Ext.create('PRS.DrainWindow', { nodename: nodename, autoShow: true });
            let failed = (err) => Ext.Msg.alert(gettext('Error'), Ext.htmlEncode(String(err)));
            afterwards('drain', open, failed);
        };

        // The tab as PVE knows it: an empty card, so that a fault of the panel shows as text in it and never stops the Datacenter view.
        Ext.define('PRS.Card', {
            extend: 'Ext.panel.Panel',
            xtype: 'prsCard',

            layout: 'fit',
            border: false,
            onlineHelp: 'chapter_ha_manager',

            listeners: {
                afterrender: function () {
                    let show = (what) => {
                        if (!this.destroyed) {
                            this.setLoading(false);
                            what();
                        }
                    };
                    let fill = () => show(() => this.add({ xtype: 'prsPanel' }));
                    let text = (err) =>
                        `<p style="padding: 10px">${Ext.htmlEncode(String(err))}</p>`;
                    attempt('panel', () => this.setLoading(true));
                    afterwards('panel', fill, (err) => show(() => this.update(text(err))));
                },
            },
        });

        // PVE's method runs with its own arguments and its own result, whatever happens to ours.
        let wrap = function (name, method, before, after) {
            let cls = Ext.ClassManager.get(name);
            let original = cls && cls.prototype && cls.prototype[method];
            if (typeof original !== 'function') {
                return false;
            }
            let own = function (hook, scope, args) {
                if (hook) {
                    attempt(`${name}.${method}`, () => hook.apply(scope, args));
                }
            };
            cls.prototype[method] = function () {
                own(before, this, arguments);
                let result = original.apply(this, arguments);
                own(after, this, arguments);
                return result;
            };
            return true;
        };

        let addMenuItem = function (items) {
            if (
                !Array.isArray(items) ||
                items.some((item) => item.itemId === 'ha-prs-rebalancing')
            ) {
                return;
            }
            // PVE shows its HA entries only to those with Sys.Audit on /, so without them there is no place for ours either.
            let place = -1;
            items.forEach((item, index) => {
                if (item.itemId === 'ha' || (item.groups && item.groups[0] === 'ha')) {
                    place = index;
                }
            });
            if (place >= 0) {
                items.splice(place + 1, 0, {
                    xtype: 'prsCard',
                    itemId: 'ha-prs-rebalancing',
                    title: gettext('Rebalancing'),
                    iconCls: 'fa fa-balance-scale',
                    groups: ['ha'],
                    border: false,
                    bodyBorder: false,
                    onlineHelp: 'chapter_ha_manager',
                });
            }
        };

        let drainAction = function (nodename) {
            let caps = Ext.state.Manager.get('GuiCap') || {};
            let allowed = !!(caps.vms && caps.vms['VM.Migrate']);
            let alone = window.PVE && PVE.Utils && PVE.Utils.isStandaloneNode;
            return {
                itemId: 'prsDrain',
                text: gettext('Drain'),
                iconCls: 'fa fa-fw fa-sign-out',
                disabled: !allowed,
                hidden: !!(alone && PVE.Utils.isStandaloneNode()),
                tooltip: allowed
                    ? gettext('Move all guests of this node to the other nodes')
                    : gettext('Needs the privilege VM.Migrate'),
                handler: () => PRS.openDrain(nodename),
            };
        };

        let addToolbarButton = function () {
            let bar = this.getDockedComponent && this.getDockedComponent('toolbar');
            if (bar && !bar.down('#prsDrain')) {
                let help = bar.items.indexOf(this.helpButton);
                let button = drainAction(this.pveSelNode.data.node);
                bar.insert(help >= 0 ? help : bar.items.getCount(), button);
            }
        };

        let addContextItem = function () {
            if (!this.down('#prsDrain')) {
                let bulk = this.items.findIndexBy((item) => item.itemId === 'bulkmigrate');
                let item = drainAction(this.nodename);
                this.insert(bulk >= 0 ? bulk + 1 : this.items.getCount(), item);
            }
        };

        PRS.hooks.menu = wrap('PVE.dc.Config', 'insertNodes', addMenuItem);
        PRS.hooks.toolbar = wrap('PVE.node.Config', 'initComponent', undefined, addToolbarButton);
        PRS.hooks.context = wrap('PVE.node.CmdMenu', 'initComponent', undefined, addContextItem);
        if (window.PVE && !PRS.hooks.menu) {
            console.warn('prs: this PVE has another menu, the Rebalancing tab is not shown');
        }
    } catch (err) {
        console.warn('prs:', err);
    }
})();
