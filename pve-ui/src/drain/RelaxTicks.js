// A tick for each rule of tags and pools that is in the way of a drain: one that is ticked may be broken while the node is away.
Ext.define('PRS.RelaxTicks', {
    extend: 'Ext.container.Container',
    xtype: 'prsRelaxTicks',

    hidden: true,
    padding: '0 10 10 10',
    defaultType: 'checkbox',

    // The ticked rules stay to be unticked; those beside them are what the plan cannot do without.
    fill: function (plan) {
        let me = this;
        let ticked = me.ticked();
        let names = [...new Set([...ticked, ...plan.relaxed, ...plan.relaxable])].sort();
        me.setHidden(!names.length);
        if (Ext.Array.equals(names, me.names || [])) {
            return;
        }
        me.names = names;
        me.removeAll();
        me.add(
            names.map((name) => ({
                rule: name,
                checked: ticked.includes(name),
                boxLabel: PRS.Format.esc(
                    Ext.String.format(gettext('Break while the node is away: {0}'), name),
                ),
                listeners: { change: () => me.fireEvent('change', me) },
            })),
        );
    },

    forget: function () {
        this.removeAll();
        this.names = [];
        this.hide();
    },

    // The names of the rules that may be broken.
    ticked: function () {
        return this.query('checkbox[checked]').map((box) => box.rule);
    },
});
