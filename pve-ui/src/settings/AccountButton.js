// Makes the service's own account with the rights of whoever clicks, where there is none.
Ext.define('PRS.AccountButton', {
    extend: 'Ext.button.Button',
    xtype: 'prsAccountButton',

    ui: 'default-toolbar',
    text: gettext('Make the account'),
    iconCls: 'fa fa-fw fa-key',
    hidden: true,

    handler: (button) => button.make(),

    // `balancing` and `may` are those of the status answer.
    fill: function (balancing, may) {
        let me = this;
        me.setHidden(!balancing || !balancing.state.lacks_account);
        if (balancing) {
            me.level = balancing.level;
            PRS.Format.gate(me, may.make_account);
        }
    },

    // What will be made, before it is.
    lines: function (found) {
        let format = Ext.String.format;
        let lines = [
            gettext('With your own rights this makes, in Proxmox VE:'),
            format(gettext('Role {0} with {1}'), found.role, found.privileges.join(', ')),
            format(gettext('User {0}, without a password'), found.user),
            format(gettext('API token {0}, and the role on / for both'), found.token),
            format(gettext('The token is kept in {0}, for root of every node.'), found.folder),
        ];
        if (this.level === 'on') {
            lines.push(
                gettext(
                    'Automatic balancing is on: its first run begins about 5 minutes later. Settings can change that before.',
                ),
            );
        }
        return lines;
    },

    make: async function () {
        let me = this;
        try {
            let found = await PRS.Api.get('/account');
            let msg = me.lines(found).map(PRS.Format.esc).join('<br>');
            if ((await PRS.Jobs.ask({ msg: msg })) !== 'yes') {
                return;
            }
            me.setDisabled(true);
            let made = await PRS.Api.post('/account');
            let done = made.changes.map(PRS.Format.esc).join('<br>');
            Ext.Msg.alert(gettext('Account'), done);
        } catch (err) {
            PRS.Api.alert(err);
        }
        if (!me.destroyed) {
            me.setDisabled(false);
            me.fireEvent('changed');
        }
    },
});
