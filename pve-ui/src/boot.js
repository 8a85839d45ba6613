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
        PRS.translation = (text) => words[text];

        // From the folder that this script came from; what is behind the question mark changes with the file's content.
        let near = (name) => new URL(name, (tag && tag.src) || window.location.href);
        let source = near('prs-panel.js?ver=@PANEL@');

        // Without its language the panel is in English, for as long as the page is open: hence a second try.
        PRS.speak = async function () {
            let version = languages[language];
            for (let tries = 0; version && !PRS.spoken && tries < 2; tries++) {
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

        let openWindow = function (name, config) {
            let open = () => Ext.create(name, Ext.apply({ autoShow: true }, config));
            let failed = (err) => Ext.Msg.alert(gettext('Error'), Ext.htmlEncode(String(err)));
            afterwards(name, open, failed);
        };

        PRS.openDrain = (nodename) => openWindow('PRS.DrainWindow', { nodename: nodename });

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

        /* @HOOKS@ */
    } catch (err) {
        console.warn('prs:', err);
    }
})();
