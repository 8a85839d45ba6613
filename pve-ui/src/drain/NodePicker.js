// Asks for one node of many: PVE's own selector where there is one. Fires `chosen` with its name.
Ext.define('PRS.NodePicker', {
    extend: 'Ext.window.Window',
    xtype: 'prsNodePicker',

    plugins: [{ ptype: 'prsaccessible' }],
    title: gettext('Drain node'),
    iconCls: 'fa fa-sign-out',
    modal: true,
    width: 400,
    layout: 'fit',
    defaultFocus: '#node',

    // The names to choose from.
    names: [],

    controller: {
        xclass: 'Ext.app.ViewController',

        init: function (view) {
            let own = {
                xtype: 'combobox',
                queryMode: 'local',
                anyMatch: true,
                forceSelection: true,
                store: view.names,
            };
            let pve = {
                xtype: 'pveNodeSelector',
                selectCurNode: false,
                allowedNodes: view.names,
                onlineValidator: true,
            };
            view.add({
                xtype: 'form',
                border: false,
                bodyPadding: 10,
                items: Ext.apply(
                    Ext.ClassManager.getByAlias('widget.pveNodeSelector') ? pve : own,
                    {
                        itemId: 'node',
                        reference: 'node',
                        fieldLabel: gettext('Node'),
                        anchor: '100%',
                        allowBlank: false,
                    },
                ),
                buttons: [
                    {
                        ui: 'default-toolbar',
                        text: gettext('OK'),
                        formBind: true,
                        handler: 'onChosen',
                    },
                ],
            });
        },

        onChosen: function () {
            let view = this.getView();
            view.fireEvent('chosen', view, this.lookup('node').getValue());
            view.close();
        },
    },
});
