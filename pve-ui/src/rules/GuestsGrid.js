// How each guest may be moved, and what says so: set for one guest or many in the settings of the whole cluster.
Ext.define('PRS.GuestsGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsGuestsGrid',

    border: false,
    ariaLabel: gettext('Guests'),
    plugins: [{ ptype: 'prsaccessible' }],
    stateful: true,
    stateId: 'grid-prs-guests',
    stateEvents: ['columnresize', 'columnmove'],
    enableColumnHide: false,
    selModel: { selType: 'rowmodel', mode: 'MULTI' },
    viewConfig: { trackOver: false },

    // Entries of one request; the service takes 200.
    portion: 200,

    statics: {
        modes: () => [
            ['automatic', gettext('Automatic')],
            ['ask', gettext('Ask: only by plans that somebody starts')],
            ['drains', gettext('Drains only')],
            ['never', gettext('Never')],
        ],

        mode: (mode) => new Map(PRS.GuestsGrid.modes()).get(mode) || mode,

        source: function (source) {
            if (source === 'guests') {
                return gettext('Set for this guest');
            }
            return source === 'ignore_vms' ? gettext('List of guests left alone') : source;
        },

        // What of these entries a file of this node decides otherwise, one sentence each.
        overruled: function (policy, keys) {
            let over = policy.options.filter((one) => one.overruled && keys.includes(one.name));
            let words = gettext('Decided on this node: {0}');
            return over.map((one) => `${one.name}: ${Ext.String.format(words, one.source)}`);
        },
    },

    tbar: {
        border: false,
        items: [
            {
                text: gettext('May be moved'),
                itemId: 'mode',
                iconCls: 'fa fa-fw fa-pencil',
                disabled: true,
                listeners: {
                    // ExtJS names the menu before it is drawn; screen readers would look for it in vain.
                    afterrender: (button) => button.el.dom.removeAttribute('aria-owns'),
                },
                menu: [],
            },
            '->',
            { xtype: 'prsFilterField' },
        ],
    },

    store: { fields: ['id', 'vmid', 'name', 'kind', 'node', 'mode', 'source', 'find'] },

    columns: [
        PRS.Columns.guest({ width: 220 }),
        PRS.Columns.text(gettext('Node'), 'node', 120),
        PRS.Columns.text(gettext('May be moved'), 'mode', undefined, {
            flex: 3,
            minWidth: 120,
            renderer: (value, meta) => PRS.Format.text(PRS.GuestsGrid.mode(value), meta),
        }),
        PRS.Columns.text(gettext('Source'), 'source', undefined, {
            flex: 3,
            minWidth: 120,
            renderer: (value, meta) => PRS.Format.text(PRS.GuestsGrid.source(value), meta),
        }),
    ],

    listeners: { selectionchange: 'onChosen', afterrender: 'onReady', scope: 'this' },

    onReady: function () {
        let me = this;
        let menu = me.down('#mode').getMenu();
        menu.add(
            PRS.GuestsGrid.modes().map(([mode, text]) => ({
                text: text,
                handler: () => me.put(mode),
            })),
        );
        menu.add('-', { text: gettext('As tags, pools and lists say'), handler: () => me.put() });
    },

    onChosen: function () {
        let chosen = this.getSelection().length > 0;
        let some = PRS.Format.right(chosen, gettext('Choose guests first.'));
        let write = this.write || { allowed: false, reason: '' };
        PRS.Format.gate(this.down('#mode'), write.allowed ? some : write);
    },

    // What GET /rules gives: its `guests`, and the right to change them.
    fill: function (guests, write) {
        let me = this;
        me.write = write;
        let made = guests.map((guest) => {
            let words = [PRS.FilterField.words(guest), PRS.GuestsGrid.mode(guest.mode)];
            return { ...guest, id: guest.vmid, find: words.join(' ').toLowerCase() };
        });
        PRS.Format.sync(me.getStore(), made);
        me.onChosen();
    },

    // Chooses a guest, as its own menu does.
    choose: function (vmid) {
        this.down('prsFilterField').setValue(String(vmid));
        let record = this.getStore().getById(vmid);
        if (record) {
            this.setSelection(record);
        }
    },

    put: async function (mode) {
        let me = this;
        let keys = me.getSelection().map((record) => `guests.${record.get('vmid')}`);
        me.setLoading(true);
        try {
            let found;
            for (let at = 0; at < keys.length; at += me.portion) {
                found = await me.save(keys.slice(at, at + me.portion), mode);
            }
            if (!me.destroyed) {
                me.fireEvent('saved', PRS.GuestsGrid.overruled(found, keys));
            }
        } catch (err) {
            PRS.Api.alert(err);
        }
        if (!me.destroyed) {
            me.setLoading(false);
        }
    },

    // Of each guest there is one entry, so what somebody else has saved meanwhile stands in no way.
    save: async function (keys, mode, again) {
        let policy = await PRS.Api.get('/policy');
        let known = policy.options.filter((one) => one.policy !== null).map((one) => one.name);
        let set = Object.fromEntries(mode ? keys.map((key) => [key, mode]) : []);
        let unset = mode ? [] : keys.filter((key) => known.includes(key));
        if (!mode && !unset.length) {
            return policy;
        }
        try {
            let asked = { digest: policy.digest, set: set, unset: unset };
            return (await PRS.Api.call('PUT', '/policy', asked)).data;
        } catch (err) {
            if (err.code === 'changed' && !again) {
                return this.save(keys, mode, true);
            }
            throw err;
        }
    },
});
