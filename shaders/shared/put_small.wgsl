// Hands every entry to the operation, four columns at a time.
fn put_all() {
    put(own_row, own_column, acc0);
    put(own_row + 1u, own_column, acc1);
    put(own_row + 2u, own_column, acc2);
    put(own_row + 3u, own_column, acc3);
}
