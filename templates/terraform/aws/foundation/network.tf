# Three zones. Public subnets hold only NAT gateways and load balancers; nodes, database and cache are private; pods
# have a range of their own.

locals {
  public_cidrs  = { for key, zone in local.zones : key => cidrsubnet(var.network_cidr, 6, zone.index) }
  private_cidrs = { for key, zone in local.zones : key => cidrsubnet(var.network_cidr, 2, zone.index + 1) }
  nat_zones     = var.dormant ? [] : local.size.nat_zones
  pod_cidrs     = { for key, zone in local.zones : key => cidrsubnet(var.pods_cidr, 2, zone.index) }
}

resource "aws_vpc" "main" {
  cidr_block           = var.network_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = {
    Name               = var.names.vpc
    "mlp.dev/resource" = "vpc"
  }
}

resource "aws_vpc_ipv4_cidr_block_association" "pods" {
  vpc_id     = aws_vpc.main.id
  cidr_block = var.pods_cidr
}

# Nothing uses the group that AWS makes with every VPC; without rules nothing can start to by accident.
resource "aws_default_security_group" "unused" {
  vpc_id = aws_vpc.main.id

  tags = {
    Name               = "${var.names.vpc}-unused"
    "mlp.dev/resource" = "security-group/default"
  }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id

  tags = {
    Name               = var.names.vpc
    "mlp.dev/resource" = "internet-gateway"
  }
}

resource "aws_subnet" "public" {
  for_each = local.zones

  vpc_id            = aws_vpc.main.id
  availability_zone = each.value.name
  cidr_block        = local.public_cidrs[each.key]

  tags = {
    Name                     = "${var.names.vpc}-public-${each.key}"
    "mlp.dev/resource"       = "subnet/public-${each.key}"
    "kubernetes.io/role/elb" = "1"
  }
}

resource "aws_subnet" "private" {
  for_each = local.zones

  vpc_id            = aws_vpc.main.id
  availability_zone = each.value.name
  cidr_block        = local.private_cidrs[each.key]

  tags = {
    Name                              = "${var.names.vpc}-private-${each.key}"
    "mlp.dev/resource"                = "subnet/private-${each.key}"
    "kubernetes.io/role/internal-elb" = "1"
  }
}

resource "aws_subnet" "pods" {
  for_each = local.zones

  vpc_id            = aws_vpc_ipv4_cidr_block_association.pods.vpc_id
  availability_zone = each.value.name
  cidr_block        = local.pod_cidrs[each.key]

  tags = {
    Name               = "${var.names.vpc}-pods-${each.key}"
    "mlp.dev/resource" = "subnet/pods-${each.key}"
  }
}

resource "aws_eip" "nat" {
  for_each = toset(local.nat_zones)

  domain = "vpc"

  tags = {
    Name               = "${var.names.vpc}-nat-${each.key}"
    "mlp.dev/resource" = "eip/nat-${each.key}"
  }

  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "main" {
  for_each = toset(local.nat_zones)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = {
    Name               = "${var.names.vpc}-${each.key}"
    "mlp.dev/resource" = "nat-gateway/${each.key}"
  }

  depends_on = [aws_internet_gateway.main]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }

  tags = {
    Name               = "${var.names.vpc}-public"
    "mlp.dev/resource" = "route-table/public"
  }
}

resource "aws_route_table" "private" {
  for_each = local.zones

  vpc_id = aws_vpc.main.id

  dynamic "route" {
    for_each = var.dormant ? [] : [contains(local.nat_zones, each.key) ? each.key : local.nat_zones[0]]

    content {
      cidr_block     = "0.0.0.0/0"
      nat_gateway_id = aws_nat_gateway.main[route.value].id
    }
  }

  tags = {
    Name               = "${var.names.vpc}-private-${each.key}"
    "mlp.dev/resource" = "route-table/private-${each.key}"
  }
}

resource "aws_route_table_association" "public" {
  for_each = local.zones

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  for_each = local.zones

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

resource "aws_route_table_association" "pods" {
  for_each = local.zones

  subnet_id      = aws_subnet.pods[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# Models and data travel to S3 inside AWS: free of NAT charges, and it keeps working when a NAT gateway does not.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.main.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]

  tags = {
    Name               = "${var.names.vpc}-s3"
    "mlp.dev/resource" = "vpc-endpoint/s3"
  }
}
