// What keeps the policy from being in force: each entry with its line and the reason, and a button that takes it out.
Ext.define('PRS.WrongEntries', {
    extend: 'Ext.form.FieldSet',
    xtype: 'prsWrongEntries',

    title: gettext('Entries with mistakes'),
    hidden: true,

    // `policy` as the API gives it; `place` words a file with the number of a line, `takeOut` removes an entry by its name.
    list: function (policy, place, takeOut) {
        let me = this;
        me.takeOut = takeOut;
        me.removeAll();
        me.add(policy.wrong.map((one) => me.row(one, policy, place)));
        me.setHidden(!policy.wrong.length);
    },

    // One after the other: each is asked for against the version of the policy that the last one has left.
    ask: async function (name) {
        let me = this;
        me.setDisabled(true);
        await me.takeOut(name);
        if (!me.destroyed) {
            me.setDisabled(false);
        }
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
                    handler: () => me.ask(one.name),
                    listeners: { afterrender: (button) => PRS.Format.gate(button, may) },
                },
            ],
        };
    },
});
