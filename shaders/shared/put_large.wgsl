// Hands every entry to the operation, four columns at a time.
fn put_all() {
    put(own_row, own_column, acc0l);
    put(own_row, own_column + 64u, acc0r);
    put(own_row + 1u, own_column, acc1l);
    put(own_row + 1u, own_column + 64u, acc1r);
    put(own_row + 2u, own_column, acc2l);
    put(own_row + 2u, own_column + 64u, acc2r);
    put(own_row + 3u, own_column, acc3l);
    put(own_row + 3u, own_column + 64u, acc3r);
    put(own_row + 64u, own_column, acc4l);
    put(own_row + 64u, own_column + 64u, acc4r);
    put(own_row + 65u, own_column, acc5l);
    put(own_row + 65u, own_column + 64u, acc5r);
    put(own_row + 66u, own_column, acc6l);
    put(own_row + 66u, own_column + 64u, acc6r);
    put(own_row + 67u, own_column, acc7l);
    put(own_row + 67u, own_column + 64u, acc7r);
}
