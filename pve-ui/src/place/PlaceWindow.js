// Where guests to be should go, or where one that exists would be better: every node ranked, with the reason.
Ext.define('PRS.PlaceWindow', {
    extend: 'Ext.window.Window',
    xtype: 'prsPlaceWindow',

    plugins: [{ ptype: 'prsaccessible' }],
    iconCls: 'fa fa-map-marker',
    modal: true,
    minWidth: 320,
    constrain: true,
    layout: { type: 'vbox', align: 'stretch' },

    // Of a guest that exists: {vmid, name, node, type} as in PVE's tree.
    guest: undefined,

    listeners: { afterrender: 'onShow' },

    controller: {
        xclass: 'Ext.app.ViewController',

        init: function (view) {
            let { guest } = view;
            PRS.Format.within(view, 960, guest ? 420 : 560);
            let title = guest
                ? `${gettext('Where better?')} ${PRS.Format.label(guest)}`
                : gettext('Where should it go?');
            view.setTitle(PRS.Format.esc(title));
        },

        onShow: async function () {
            let me = this;
            let { guest } = me.getView();
            if (guest) {
                let dialog = !!Ext.ClassManager.get('PVE.window.Migrate');
                me.lookup('migrate').setVisible(dialog);
                await me.ask({ vmid: guest.vmid });
                return;
            }
            me.lookup('needs').show();
            me.lookup('ask').show();
            me.say(PRS.Format.esc(gettext('Say what the guest needs.')));
            try {
                let cluster = await PRS.Api.get('/cluster');
                if (!me.destroyed) {
                    me.lookup('needs').offer(cluster);
                }
            } catch (err) {
                me.failed(err);
            }
        },

        onAsk: function () {
            let me = this;
            let needs = me.lookup('needs');
            if (needs.isValid()) {
                me.ask({ guests: needs.guests() });
            }
        },

        // Only the answer to the newest question counts.
        ask: async function (body) {
            let me = this;
            let mine = (me.question = (me.question || 0) + 1);
            me.say(PRS.Format.busy(gettext('Looking at each node')));
            try {
                let found = await PRS.Api.post('/placements', body);
                if (!me.destroyed && mine === me.question) {
                    me.fill(found);
                }
            } catch (err) {
                if (mine === me.question) {
                    me.failed(err);
                }
            }
        },

        fill: function (found) {
            let me = this;
            let lines = [PRS.Format[found.feasible ? 'good' : 'warning'](found.summary)];
            lines.push(...found.warnings.map((text) => PRS.Format.warning(text)));
            if (found.headroom && found.headroom.fits) {
                lines.push(PRS.Format.good(found.headroom.sentence));
            } else if (found.headroom) {
                lines.push(PRS.Format.warning(found.headroom.sentence));
            }
            me.say(lines.join('<br>'));
            me.lookup('nodes').fill(found);
        },

        failed: function (err) {
            if (!this.destroyed) {
                let words = PRS.Format.icon('times-circle', 'critical') + PRS.Api.words(err);
                this.say(words);
            }
        },

        say: function (html) {
            PRS.Format.html(this.lookup('answer'), html);
        },

        onSelect: function (grid, chosen) {
            let [row] = chosen;
            let { guest } = this.getView();
            let there = row && row.data.rank > 0 && guest && row.data.node !== guest.node;
            this.lookup('migrate').setDisabled(!there);
        },

        // PVE's own dialog, with the node put in.
        onMigrate: function () {
            let me = this;
            let { guest } = me.getView();
            let [row] = me.lookup('nodes').getSelection();
            let target = row.data.node;
            me.getView().close();
            let dialog = Ext.create('PVE.window.Migrate', {
                vmtype: guest.type,
                nodename: guest.node,
                vmid: guest.vmid,
                vmname: guest.name,
                autoShow: true,
            });
            let field = dialog.down('field[name=target]');
            if (field) {
                field.setValue(target);
            }
        },

        onClose: function () {
            this.getView().close();
        },

        control: { prsPlacesGrid: { selectionchange: 'onSelect' } },
    },

    items: [
        { xtype: 'prsPlaceForm', reference: 'needs', hidden: true },
        {
            xtype: 'component',
            reference: 'answer',
            padding: 10,
            autoEl: { tag: 'div', role: 'status', 'aria-live': 'polite' },
        },
        { xtype: 'prsPlacesGrid', reference: 'nodes', flex: 1 },
    ],

    buttons: [
        {
            ui: 'default-toolbar',
            text: gettext('Ask'),
            itemId: 'ask',
            reference: 'ask',
            hidden: true,
            handler: 'onAsk',
        },
        {
            ui: 'default-toolbar',
            text: gettext('Migrate'),
            itemId: 'migrate',
            reference: 'migrate',
            disabled: true,
            hidden: true,
            handler: 'onMigrate',
        },
        { ui: 'default-toolbar', text: gettext('Close'), handler: 'onClose' },
    ],
});
