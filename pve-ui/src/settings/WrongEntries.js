// What keeps the policy from being in force: each entry with its line and the reason, and a button that takes it out.
Ext.define('PRS.WrongEntries', {
    extend: 'Ext.form.FieldSet',
    xtype: 'prsWrongEntries',

    title: gettext('Entries with mistakes'),
    hidden: true,

    // `policy` as the API gives it; `place` words a file with the number of a line.
    list: function (policy, place) {
        let me = this;
        me.removeAll();
        me.add(policy.wrong.map((one) => me.row(one, policy, place)));
        me.setHidden(!policy.wrong.length);
    },

    row: function (one, policy, place) {
        let me = this;
        let told = one.text ? `${one.name}: ${one.text}` : one.name;
        let why = `${place(`${policy.file} line ${one.line}`)}: ${one.reason}`;
        let may = one.removable
            ? policy.may.write
            : { allowed: false, reason: gettext('It has to be mended in the file.') };
        return {
            xtype: 'container',
            layout: { type: 'hbox', align: 'middle' },
            margin: '0 0 5 0',
            items: [
                {
                    xtype: 'component',
                    flex: 1,
                    html: `<b>${PRS.Format.esc(told)}</b><br>${PRS.Format.esc(why)}`,
                },
                {
                    xtype: 'button',
                    text: gettext('Remove'),
                    ariaLabel: `${gettext('Remove')} ${one.name}`,
                    margin: '0 0 0 10',
                    handler: () => me.fireEvent('takeout', me, one.name),
                    listeners: { afterrender: (button) => PRS.Format.gate(button, may) },
                },
            ],
        };
    },
});
