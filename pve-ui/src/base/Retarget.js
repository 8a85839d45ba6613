// In a grid with a column PRS.Columns.target: fires `retarget` with the row's data and the name of the node that was chosen.
Ext.define('PRS.Retarget', {
    extend: 'Ext.grid.plugin.CellEditing',
    alias: 'plugin.prsretarget',

    clicksToEdit: 1,

    listeners: {
        beforeedit: (plugin, { grid, column, record, value }) => {
            let from = record.get('source') || record.get('node');
            let names = (grid.offered || []).filter((name) => name !== from);
            column.getEditor(record).setStore(names);
            return !!value && names.length > 0;
        },
        // The service is asked before the row shows it.
        edit: (plugin, { grid, record, value, originalValue }) => {
            record.reject();
            if (value && value !== originalValue) {
                grid.fireEvent('retarget', grid, record.data, value);
            }
        },
    },
});
