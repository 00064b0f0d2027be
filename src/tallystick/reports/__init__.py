"""What people see: charts, the HTML report and terminal tables, from a summary, in Chinese and English."""
