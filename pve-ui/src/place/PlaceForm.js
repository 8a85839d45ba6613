// What guests to be need.
Ext.define('PRS.PlaceForm', {
    extend: 'Ext.form.Panel',
    xtype: 'prsPlaceForm',

    border: false,
    bodyPadding: 10,
    layout: 'column',
    defaults: { margin: '0 10 5 0', labelWidth: 110, width: 285, minValue: 0 },

    items: [
        { xtype: 'textfield', name: 'name', fieldLabel: gettext('Name'), maxLength: 90 },
        {
            xtype: 'numberfield',
            name: 'count',
            fieldLabel: gettext('How many'),
            value: 1,
            minValue: 1,
            maxValue: 20,
            allowDecimals: false,
            allowBlank: false,
        },
        {
            xtype: 'numberfield',
            name: 'memory',
            fieldLabel: gettext('Memory (GiB)'),
            value: 2,
            minValue: 0.01,
        },
        {
            xtype: 'numberfield',
            name: 'cores',
            fieldLabel: gettext('Cores'),
            minValue: 1,
            allowDecimals: false,
        },
        {
            xtype: 'combobox',
            name: 'storage',
            itemId: 'storage',
            fieldLabel: gettext('Storage'),
            queryMode: 'local',
            store: [],
        },
        {
            xtype: 'numberfield',
            name: 'size',
            fieldLabel: gettext('Disk (GiB)'),
            minValue: 0.01,
        },
        { xtype: 'textfield', name: 'tags', fieldLabel: gettext('Tags') },
        { xtype: 'textfield', name: 'pool', fieldLabel: gettext('Pool') },
        {
            xtype: 'combobox',
            name: 'like',
            itemId: 'like',
            fieldLabel: gettext('Like guest'),
            queryMode: 'local',
            anyMatch: true,
            forceSelection: true,
            store: [],
            // What it is not told is as with that guest.
            listeners: {
                change: (field, value) =>
                    field
                        .up('form')
                        .down('field[name=memory]')
                        .setValue(value ? null : 2),
            },
        },
        {
            xtype: 'checkbox',
            name: 'container',
            boxLabel: gettext('Container'),
            inputValue: 1,
        },
    ],

    // Storages and guests to choose from.
    offer: function (cluster) {
        let takes = (storage) => storage.content.some((one) => /^(images|rootdir)$/.test(one));
        let names = new Set(cluster.storages.filter(takes).map((storage) => storage.name));
        this.down('#storage').setStore([...names].sort());
        let guests = cluster.guests.filter((one) => !one.template);
        this.down('#like').setStore(guests.map((one) => [one.vmid, PRS.Format.label(one)]));
    },

    // What the form says: as many guests of a kind as are wanted, with numbers behind their name.
    guests: function () {
        let gib = 1024 * 1024 * 1024;
        let values = this.getValues();
        let one = { kind: values.container ? 'lxc' : 'qemu' };
        if (values.like) {
            one = { like: Number(values.like) };
        }
        if (values.memory) {
            one.memory = Math.round(Number(values.memory) * gib);
        }
        if (values.cores) {
            one.cores = Number(values.cores);
        }
        if (values.storage && values.size) {
            let size = Math.round(Number(values.size) * gib);
            one.disks = [{ storage: values.storage, size: size }];
        }
        if (values.tags) {
            one.tags = values.tags.split(/[\s,;]+/).filter(Boolean);
        }
        if (values.pool) {
            one.pool = values.pool;
        }
        let count = Number(values.count) || 1;
        let name = (number) => (count > 1 ? `${values.name}-${number}` : values.name);
        return Array.from({ length: count }, (none, index) =>
            values.name ? Ext.apply({ name: name(index + 1) }, one) : one,
        );
    },
});
