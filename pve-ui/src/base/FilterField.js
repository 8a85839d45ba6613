// Over a list: shows only the rows in whose `find` every typed word occurs.
Ext.define('PRS.FilterField', {
    extend: 'Ext.form.field.Text',
    xtype: 'prsFilterField',

    statics: {
        // What is looked through of a guest's row, in small letters. `guest` is one of /cluster.
        words: function (row, guest) {
            let { tags, pool } = guest || {};
            let words = [row.vmid, row.name, row.node, row.source, row.target, pool];
            return [...words, ...(tags || [])].filter(Boolean).join(' ').toLowerCase();
        },

        // The guests of /cluster by their numbers.
        guests: (cluster) =>
            new Map(((cluster && cluster.guests) || []).map((one) => [one.vmid, one])),
    },

    itemId: 'find',
    width: 220,
    emptyText: gettext('Name, node, tag or pool'),
    ariaLabel: gettext('Filter'),
    listeners: { change: { fn: 'look', scope: 'this', buffer: 200 } },

    // The browser has placed the cursor. ExtJS would place it once more, after the next drawing, and what a person has selected by then
    // would be selected no longer.
    selectText: Ext.emptyFn,

    look: function () {
        if (this.destroyed) {
            return;
        }
        let store = this.up('grid').getStore();
        let words = this.getValue().toLowerCase().split(/\s+/).filter(Boolean);
        let fits = (record) => words.every((one) => record.get('find').includes(one));
        if (words.length) {
            store.addFilter({ id: 'find', filterFn: fits });
        } else {
            store.removeFilter('find');
        }
    },

    // For a list that is filled anew.
    empty: function () {
        this.setValue('');
        this.up('grid').getStore().removeFilter('find');
    },
});
