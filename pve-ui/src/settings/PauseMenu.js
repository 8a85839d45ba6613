// Pause until..., and one run more: moments in the policy, which whoever leads keeps to.
Ext.define('PRS.PauseMenu', {
    extend: 'Ext.button.Button',
    xtype: 'prsPauseMenu',

    ui: 'default-toolbar',
    text: gettext('Automatic balancing'),
    iconCls: 'fa fa-fw fa-clock-o',

    listeners: {
        // ExtJS names the menu before it is drawn; screen readers would look for it in vain.
        afterrender: (button) => button.el.dom.removeAttribute('aria-owns'),
    },

    initComponent: function () {
        let me = this;
        let hours = (number) => ({
            text: Ext.String.format(gettext('Pause for {0} h'), number),
            iconCls: 'fa fa-fw fa-pause',
            handler: () =>
                me.change((now) => ({ 'service.paused_until': me.moment(now + number * 3600) })),
        });
        me.menu = [
            hours(2),
            hours(8),
            hours(24),
            {
                text: `${gettext('Pause until')}...`,
                iconCls: 'fa fa-fw fa-pause',
                handler: () => me.ask(),
            },
            {
                text: gettext('End the pause'),
                itemId: 'resume',
                iconCls: 'fa fa-fw fa-play',
                handler: () => me.change(() => ({}), ['service.paused_until']),
            },
            '-',
            {
                text: gettext('Run by schedule now'),
                itemId: 'now',
                iconCls: 'fa fa-fw fa-play-circle',
                handler: () => me.change((now) => ({ 'service.run_at': me.moment(now) })),
            },
        ];
        me.callParent();
    },

    // In UTC: nodes may lie in different zones.
    moment: function (seconds) {
        let moment = new Date(seconds * 1000).toISOString();
        return moment.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
    },

    ask: function () {
        let me = this;
        let words = gettext('Until when (YYYY-MM-DD HH:MM, in the time of the nodes)?');
        Ext.Msg.prompt(gettext('Pause until'), words, (button, text) => {
            if (button === 'ok' && text.trim()) {
                me.change(() => ({ 'service.paused_until': text.trim() }));
            }
        });
    },

    // Against the version that is there now: whatever else somebody saves at the same time is not touched. `wanted` makes the entries
    // from the time of the node, as the browser's clock may be an hour off.
    change: async function (wanted, unset) {
        let me = this;
        try {
            let { digest, options, now } = await PRS.Api.get('/policy');
            let names = options.filter((one) => one.policy !== null).map((one) => one.name);
            let gone = (unset || []).filter((name) => names.includes(name));
            await PRS.Api.call('PUT', '/policy', { digest: digest, set: wanted(now), unset: gone });
            if (!me.destroyed) {
                me.fireEvent('changed');
            }
        } catch (err) {
            PRS.Api.alert(err);
        }
    },

    fill: function (balancing, right) {
        let me = this;
        me.setHidden(!balancing);
        if (balancing) {
            // What is off needs no pause; one run may be asked for all the same.
            let off = balancing.level === 'off';
            me.query('menuitem:not(#now)').forEach((item) => item.setHidden(off));
            me.down('#resume').setDisabled(!balancing.paused_until);
            PRS.Format.gate(me, right);
        }
    },
});
