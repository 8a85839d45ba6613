// What the controllers of windows with a notice on top share: their size, what is said, and how they end.
Ext.define('PRS.NoticeController', {
    extend: 'Ext.app.ViewController',

    init: function (view) {
        PRS.Format.within(view, view.wide, view.high);
    },

    // HTML; without any the place is given to the rest.
    say: function (html) {
        let box = this.lookup('notice');
        box.setHidden(!html);
        PRS.Format.html(box, html);
    },

    failed: function (err) {
        if (!this.destroyed) {
            this.say(PRS.Format.icon('times-circle', 'critical') + PRS.Api.words(err));
        }
    },

    onClose: function () {
        this.getView().close();
    },
});
